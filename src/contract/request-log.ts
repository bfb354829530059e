/** The request log: what calls were, for organizations that want to look at them later. */
import { z } from "zod";
import { Name, PageQuery, pageOf, Time, TimeInput } from "./fields.ts";
import { defineOperation } from "./operation.ts";

const DAYS_MAX = 365;

const RequestLogMode = z.enum(["off", "metadata", "full"]).meta({
  description:
    "`metadata`: who called what, and how it ended. `full`: what was asked and answered too, sealed",
});

export const Retention = z
  .object({
    organization: z.string(),
    mode: RequestLogMode,
    sample: z.number().meta({ description: "Which share of the calls is logged" }),
    days: z.int().meta({ description: "After which a logged call is deleted" }),
    redaction: z.boolean(),
    zero_retention: z.boolean().meta({
      description: "Nothing of what is said in its calls is kept, whatever else is set",
    }),
  })
  .meta({ id: "Retention" });
export type Retention = z.infer<typeof Retention>;

export const LoggedCall = z
  .object({
    request_id: z.string(),
    organization: z.string(),
    at: Time,
    metadata: z.record(z.string(), z.unknown()),
    has_content: z.boolean(),
  })
  .meta({ id: "LoggedCall" });
export type LoggedCall = z.infer<typeof LoggedCall>;

const Content = z
  .object({
    request: z.unknown(),
    response: z.unknown().meta({
      description: "Of a stream: its texts, joined, and its last event",
    }),
    request_cut: z.boolean().meta({ description: "It was too long: the end is missing" }),
    response_cut: z.boolean(),
    redacted: z.boolean(),
  })
  .meta({ id: "LoggedContent" });

export const LoggedCallWithContent = LoggedCall.extend({
  content: Content.nullable().meta({ description: "Null: only the metadata was kept" }),
}).meta({ id: "LoggedCallWithContent" });
export type LoggedCallWithContent = z.infer<typeof LoggedCallWithContent>;

const params = z.strictObject({ name: Name });

export const setRequestLog = defineOperation({
  id: "request_log.set",
  method: "post",
  path: "/organizations/{name}/request-log",
  summary: "Choose what is logged of an organization's calls, from the next one on",
  params,
  body: z.strictObject({
    mode: RequestLogMode,
    sample: z.number().min(0).max(1).optional().meta({ description: "Left out: stays" }),
    days: z.int().min(1).max(DAYS_MAX).optional().meta({ description: "Left out: stays" }),
    redaction: z.boolean().default(true).meta({
      description: "Take credentials and plain personal data out before anything is kept",
    }),
  }),
  answer: Retention,
  status: 200,
});

export const setZeroRetention = defineOperation({
  id: "zero_retention.set",
  method: "post",
  path: "/organizations/{name}/zero-retention",
  summary: "Keep nothing of what is said in an organization's calls, or allow it again",
  params,
  body: z.strictObject({ on: z.boolean() }),
  answer: Retention,
  status: 200,
});

export const listRequestLog = defineOperation({
  id: "request_log.list",
  method: "get",
  path: "/organizations/{name}/request-log",
  summary: "List logged calls of an organization, newest first, without what was said",
  params,
  query: PageQuery.extend({
    from: TimeInput.optional().meta({ description: "First instant" }),
    to: TimeInput.optional().meta({ description: "First instant after" }),
    status: z.coerce.number().int().min(100).max(599).optional().meta({
      description: "Only calls that were answered with this HTTP status",
    }),
  }),
  answer: pageOf(LoggedCall),
  status: 200,
});

export const showLoggedCall = defineOperation({
  id: "request_log.read",
  method: "get",
  path: "/request-log/{request_id}",
  summary: "Show a logged call with what was said; that it was read is written into the audit log",
  params: z.strictObject({ request_id: z.uuid() }),
  answer: LoggedCallWithContent,
  status: 200,
});

export const purgeRequestLog = defineOperation({
  id: "request_log.purge",
  method: "post",
  path: "/organizations/{name}/request-log/purge",
  summary: "Delete all logged calls of an organization",
  params,
  answer: z.object({ deleted: z.int() }).meta({ id: "RequestLogPurged" }),
  status: 200,
});
