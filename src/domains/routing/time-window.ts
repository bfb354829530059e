/** Parts of the week in a time zone. Pure: the time is an argument. */
import { type TimeWindow, type Weekday, weekdays } from "./definition.ts";

const MINUTES_A_DAY = 1_440;

/** Making a formatter is slow, and there are as many as zones in use: a route names few. */
const formatters = new Map<string, Intl.DateTimeFormat>();
const FORMATTERS_MAX = 64;

export function isWithin(window: TimeWindow, nowMs: number): boolean {
  const { weekday, minute } = localTime(window.zone ?? "UTC", nowMs);
  const from = minuteOf(window.from, 0);
  const to = minuteOf(window.to, MINUTES_A_DAY);
  const days = window.days ?? weekdays;
  if (from < to) return minute >= from && minute < to && days.includes(weekday);
  // Over midnight: the early hours belong to the day before.
  if (minute >= from) return days.includes(weekday);
  return minute < to && days.includes(dayBefore(weekday));
}

export function sayWindow(window: TimeWindow): string {
  const days = window.days === undefined ? "" : `${window.days.join(", ")} `;
  return `${days}${window.from ?? "00:00"} to ${window.to ?? "24:00"} in ${window.zone ?? "UTC"}`;
}

export function isTimeZone(zone: string): boolean {
  try {
    formatterOf(zone);
    return true;
  } catch {
    return false;
  }
}

function localTime(zone: string, nowMs: number): { weekday: Weekday; minute: number } {
  let weekday: Weekday = "mon";
  let minute = 0;
  for (const { type, value } of formatterOf(zone).formatToParts(nowMs)) {
    if (type === "weekday") weekday = value.toLowerCase() as Weekday;
    else if (type === "hour") minute += Number(value) * 60;
    else if (type === "minute") minute += Number(value);
  }
  return { weekday, minute };
}

function formatterOf(zone: string): Intl.DateTimeFormat {
  const known = formatters.get(zone);
  if (known !== undefined) return known;
  const formatter = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  if (formatters.size >= FORMATTERS_MAX) formatters.clear();
  formatters.set(zone, formatter);
  return formatter;
}

/** @param text `HH:MM`, up to `24:00`; checked by the contract. */
function minuteOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const [hours, minutes] = text.split(":");
  return Number(hours) * 60 + Number(minutes);
}

const dayBefore = (day: Weekday): Weekday =>
  weekdays[(weekdays.indexOf(day) + weekdays.length - 1) % weekdays.length] ?? day;
