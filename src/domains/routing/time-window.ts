/** Parts of the week in a time zone. The time is an argument. */
import { type TimeWindow, type Weekday, weekdays } from "./definition.ts";

const MINUTES_A_DAY = 1_440;

type LocalTime = { weekday: Weekday; minute: number };

/** Making a formatter is slow, and formatting takes microseconds: a zone is asked once in a minute. */
type Zone = { formatter: Intl.DateTimeFormat; atMinute: number; local: LocalTime };

const zones = new Map<string, Zone>();
/** A route names few; beyond this all are forgotten. */
const ZONES_MAX = 64;
const MINUTE_MS = 60_000;

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
    zoneOf(zone);
    return true;
  } catch {
    return false;
  }
}

function localTime(name: string, nowMs: number): LocalTime {
  const zone = zoneOf(name);
  const atMinute = Math.floor(nowMs / MINUTE_MS);
  if (zone.atMinute === atMinute) return zone.local;
  const local: LocalTime = { weekday: "mon", minute: 0 };
  for (const { type, value } of zone.formatter.formatToParts(nowMs)) {
    if (type === "weekday") local.weekday = value.toLowerCase() as Weekday;
    else if (type === "hour") local.minute += Number(value) * 60;
    else if (type === "minute") local.minute += Number(value);
  }
  zone.atMinute = atMinute;
  zone.local = local;
  return local;
}

function zoneOf(name: string): Zone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const formatter = new Intl.DateTimeFormat("en-US", {
    timeZone: name,
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const zone = { formatter, atMinute: Number.NaN, local: { weekday: weekdays[0], minute: 0 } };
  if (zones.size >= ZONES_MAX) zones.clear();
  zones.set(name, zone);
  return zone;
}

/** @param text `HH:MM`, up to `24:00`; checked by the contract. */
function minuteOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const [hours, minutes] = text.split(":");
  return Number(hours) * 60 + Number(minutes);
}

const dayBefore = (day: Weekday): Weekday =>
  weekdays[(weekdays.indexOf(day) + weekdays.length - 1) % weekdays.length] ?? day;
