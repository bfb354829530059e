import { describe, expect, test } from "bun:test";
import { detectLanguage } from "./detect-language.ts";

/** Sentences as people send them to a model, several for each language. */
const sentences: Readonly<Record<string, readonly string[]>> = {
  zh: [
    "请帮我写一封信给客户，说明我们的产品为什么延迟发货。",
    "請幫我把這份會議紀錄整理成三個重點，明天早上要用。",
    "这段代码为什么会报错？TypeError: undefined is not a function",
    "介绍一下北京的历史",
    "把下面的句子翻译成英文：The quick brown fox jumps.",
    "他說他不知道那個地方在哪裡，但是我們現在就要出發了。",
  ],
  yue: [
    "我哋聽日去邊度食飯呀？你有冇諗住叫埋佢一齊嚟？",
    "呢份報告嘅重點係咩？可唔可以幫我寫短啲？",
    "點解部機成日都開唔到㗎？我已經試咗好多次喇。",
    "唔該幫我睇下呢封電郵有冇寫錯字。",
    "佢話：「我們的產品很好。」但係我覺得麻麻哋啫。",
    "听日返工要几点到？",
    "我想改機票，而家仲有冇位？",
  ],
  ja: [
    "この文章を英語に翻訳してください。締め切りは明日の午後です。",
    "東京駅から羽田空港までの行き方を教えて",
    "TypeScriptでジェネリクスを使う例を3つ書いてください",
    "明日の会議、何時からだっけ？",
  ],
  ko: [
    "내일까지 이 보고서를 요약해서 보내 주세요.",
    "React useEffect에서 cleanup 함수가 두 번 호출되는 이유가 뭐예요?",
    "서울에서 부산까지 가장 빠른 방법은?",
  ],
  en: [
    "Please summarise this report and send it to me by tomorrow.",
    "What's the difference between a mutex and a semaphore?",
    "Translate 'お疲れ様です' to English and explain when people use it at work.",
  ],
  de: [
    "Bitte fassen Sie diesen Bericht zusammen und schicken Sie ihn mir bis morgen.",
    "Wie wird das Wetter nächste Woche in München?",
  ],
  fr: [
    "Pouvez-vous résumer ce rapport et me l'envoyer avant demain ?",
    "Quelle est la différence entre ces deux contrats ?",
  ],
  es: [
    "Por favor, resume este informe y envíamelo antes de mañana.",
    "¿Cuál es la diferencia entre estos dos contratos?",
  ],
  ar: ["من فضلك لخص هذا التقرير وأرسله إلي قبل الغد.", "ما هو أفضل وقت لزيارة القاهرة؟"],
  th: ["กรุณาสรุปรายงานนี้และส่งให้ฉันก่อนพรุ่งนี้", "พรุ่งนี้อากาศเป็นอย่างไร"],
  vi: [
    "Vui lòng tóm tắt báo cáo này và gửi cho tôi trước ngày mai.",
    "Thời tiết ở Hà Nội tuần tới thế nào?",
  ],
  ru: [
    "Пожалуйста, сделайте краткое изложение этого отчёта и пришлите мне до завтра.",
    "Как доехать до аэропорта на поезде?",
  ],
  uk: ["Будь ласка, підсумуй цей звіт і надішли мені до завтра."],
  hi: [
    "कृपया इस रिपोर्ट का सारांश बनाएँ और कल तक मुझे भेज दें।",
    "दिल्ली से जयपुर जाने का सबसे अच्छा तरीका क्या है?",
  ],
  pt: ["Você poderia resumir este relatório e enviá-lo para mim até amanhã?"],
  tr: ["Lütfen bu raporu özetleyip yarına kadar bana gönderin."],
  he: ["אנא סכם את הדוח הזה ושלח לי אותו עד מחר."],
  el: ["Παρακαλώ συνοψίστε αυτή την αναφορά μέχρι αύριο."],
};

describe("real sentences", () => {
  for (const [language, texts] of Object.entries(sentences)) {
    for (const text of texts) {
      test(`${language}: ${text}`, async () => {
        expect(await detectLanguage(text)).toBe(language);
      });
    }
  }
});

describe("cannot be told", () => {
  const unclear = [
    ["nothing", ""],
    ["a greeting of two characters", "你好"],
    ["a word", "ok"],
    ["a name", "Berlin"],
    ["numbers", "1234567890 + 42 = ?"],
    ["signs", "???!!! 👍👍👍"],
    ["code alone", "```ts\nconst answer = await fetch(url);\nreturn answer.json();\n```"],
    ["an address", "https://example.com/eine/lange/deutsche/adresse/ueber/alles"],
    ["one kana", "の"],
  ] as const;
  for (const [what, text] of unclear) {
    test(what, async () => {
      expect(await detectLanguage(text)).toBeUndefined();
    });
  }
});

test("code around a sentence does not hide its language", async () => {
  const text =
    "Warum schlägt dieser Test fehl?\n```ts\nexpect(await fetchTheAnswer()).toBe(42);\n```";

  expect(await detectLanguage(text)).toBe("de");
});

test("a long text costs no more than its beginning", async () => {
  const text = "Why does it rain so often in autumn? ".repeat(200_000);
  await detectLanguage(text);
  const startedMs = performance.now();

  expect(await detectLanguage(text)).toBe("en");
  // Measured: 0.1 ms. The bound leaves room for a busy machine, and none for reading 7 MB.
  expect(performance.now() - startedMs).toBeLessThan(20);
});
