import * as contract from "../../contract/request-log.ts";
import * as identity from "../../domains/identity/index.ts";
import {
  type LoggedCall,
  type LoggedContent,
  listCalls,
  purgeCalls,
  readLoggedCall,
} from "../../domains/request-log/index.ts";
import { Failure } from "../../lib/errors.ts";
import { type Route, route } from "../route.ts";
import { timeFrom, toPageBody, toTime } from "../to-wire.ts";

export const requestLogRoutes: readonly Route[] = [
  route(contract.setRequestLog, async ({ database }, { params, body, actor }) => {
    const { redaction: isRedacted, ...rest } = body;
    const requestLog = { ...rest, isRedacted };
    const options = { organization: params.name, requestLog, actor };
    return toRetention(await identity.setRequestLog(database, options));
  }),
  route(contract.setZeroRetention, async ({ database }, { params, body, actor }) => {
    const options = { organization: params.name, isOn: body.on, actor };
    return toRetention(await identity.setZeroRetention(database, options));
  }),
  route(contract.listRequestLog, async ({ database }, { params, query }) => {
    const { organizationId } = await identity.findOrganization(database, params.name);
    const [from, to] = [timeFrom(query.from), timeFrom(query.to)];
    return toPageBody(await listCalls(database, { ...query, organizationId, from, to }), toCall);
  }),
  route(contract.showLoggedCall, async ({ database, sealKey }, { params, actor }) => {
    const requestId = params.request_id.toLowerCase();
    const found = await readLoggedCall(database, { requestId, sealKey, actor });
    if (found === undefined) throw notLogged(requestId);
    const content = found.content === undefined ? null : toContent(found.content);
    return { ...toCall(found.call), content };
  }),
  route(contract.purgeRequestLog, async ({ database }, { params, actor }) => {
    const { organizationId, name } = await identity.findOrganization(database, params.name);
    return { deleted: await purgeCalls(database, { organizationId, organization: name, actor }) };
  }),
];

const toRetention = (retention: identity.Retention): contract.Retention => ({
  organization: retention.organization,
  mode: retention.mode,
  sample: retention.sample,
  days: retention.days,
  redaction: retention.isRedacted,
  zero_retention: retention.zeroRetention,
});

const toCall = (call: LoggedCall): contract.LoggedCall => ({
  request_id: call.requestId,
  organization: call.organization,
  at: toTime(call.at),
  metadata: call.metadata,
  has_content: call.hasContent,
});

const toContent = (content: LoggedContent) => ({
  request: content.request,
  response: content.response,
  request_cut: content.isRequestCut,
  response_cut: content.isResponseCut,
  redacted: content.isRedacted,
});

const notLogged = (requestId: string): Failure =>
  new Failure(
    "not_found",
    `The request log has no call ${requestId}. It is written within a second or two, where the organization has a log and the call was in its sample.`,
    { param: "request_id", code: "call_not_found" },
  );
