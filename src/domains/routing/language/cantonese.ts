/**
 * Written Cantonese or written Mandarin? Both are written in the same characters, and no list of languages that a
 * detector knows tells them apart. But the most frequent little words differ, and Cantonese has characters for its own
 * that Mandarin does without. Formal writing in Hong Kong is Mandarin on paper, and is taken for such.
 */
import { countOf } from "./scripts.ts";

/** Characters that written Cantonese cannot do without, and Mandarin hardly has. */
const CANTONESE_CHARACTERS =
  /[嘅咗唔哋冇喺嚟啲嗰咁嘢佢諗攞睇瞓畀俾咩喇㗎噉嗌搵揾嘥咪啱嚿冚叻攰掂嬲]/gu;
/** Words whose characters both have, and whose combination only one has. */
const CANTONESE_WORDS =
  /而家|點解|点解|邊個|边个|邊度|边度|呢度|呢個|呢个|呢份|呢啲|尋日|聽日|听日|琴日|乜嘢|幾多|几多|係咪|系咪|即係|鍾意|钟意|傾偈|食飯|食饭|返工|放工|得閒|得闲/gu;
const MANDARIN_CHARACTERS = /[的了是这這那们們没沒不他她吗嗎吧呢把被]/gu;
const MANDARIN_WORDS =
  /什么|什麼|怎么|怎麼|为什么|為什麼|现在|現在|今天|明天|昨天|哪里|哪裡|哪裏|喜欢|喜歡|知道|这个|這個/gu;

/** Quotations and names bring a few words of the other: Cantonese needs at least half as many marks as Mandarin. */
const CANTONESE_SHARE = 0.5;

/** @param text mostly in Han characters. */
export function isCantonese(text: string): boolean {
  const cantonese = countOf(CANTONESE_CHARACTERS, text) + countOf(CANTONESE_WORDS, text);
  const mandarin = countOf(MANDARIN_CHARACTERS, text) + countOf(MANDARIN_WORDS, text);
  return cantonese > 0 && cantonese >= mandarin * CANTONESE_SHARE;
}
