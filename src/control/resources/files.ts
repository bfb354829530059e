import * as contract from "../../contract/files.ts";
import { isFileId, listAllFiles } from "../../domains/files/index.ts";
import { findOrganization } from "../../domains/identity/index.ts";
import { Failure } from "../../lib/errors.ts";
import { toPage } from "../../platform/db/page.ts";
import { type Route, route } from "../route.ts";
import { toPageBody, toTime, toTimeOrNull } from "../to-wire.ts";

export const fileRoutes: readonly Route[] = [
  route(contract.listFiles, async ({ database }, { query }) => {
    const { organization, limit, after } = query;
    if (after !== undefined && !isFileId(after)) {
      throw new Failure("invalid", "'after' must be the 'next_after' of the page before.", {
        param: "after",
      });
    }
    const organizationId =
      organization && (await findOrganization(database, organization)).organizationId;
    const rows = await listAllFiles(database, {
      organizationId: organizationId || undefined,
      after,
      limit,
    });
    return toPageBody(
      toPage(rows, query, ({ fileId }) => fileId),
      (file) => ({
        id: file.fileId,
        organization: file.organization,
        project: file.project,
        name: file.name,
        purpose: file.purpose,
        bytes: file.bytes,
        created_at: toTime(file.createdAt),
        expires_at: toTimeOrNull(file.expiresAt),
      }),
    );
  }),
];
