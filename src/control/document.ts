/** The OpenAPI document, generated from the same operations that are served. */
import { OpenAPIHono, type RouteConfig } from "@hono/zod-openapi";
import { ErrorBody } from "../contract/errors.ts";
import { API_PREFIX, type Operation } from "../contract/operation.ts";

export const DOCUMENT_PATH = "/api/openapi.json";

const JSON_TYPE = "application/json";

export function openApiDocument(operations: readonly Operation[], version: string): object {
  const app = new OpenAPIHono();
  app.openAPIRegistry.registerComponent("securitySchemes", "operator", {
    type: "http",
    scheme: "bearer",
    description: "`admin_token` of `secrets.json` in the home folder",
  });
  for (const operation of operations) app.openAPIRegistry.registerPath(toPath(operation));
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Baseload control plane",
      version,
      description:
        "Money and prices are decimal strings, ids are strings, times are UTC. Errors have the shape that OpenAI's SDKs read.",
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
    servers: [{ url: "/" }],
  });
}

function toPath(operation: Operation): RouteConfig {
  const { params, query, body } = operation;
  return {
    operationId: operation.id,
    method: operation.method,
    path: API_PREFIX + operation.path,
    summary: operation.summary,
    tags: [operation.id.split(".")[0] ?? operation.id],
    security: [{ operator: [] }],
    request: {
      ...(params && { params }),
      ...(query && { query }),
      ...(body && { body: { required: true, content: { [JSON_TYPE]: { schema: body } } } }),
    },
    responses: {
      [operation.status]: {
        description: operation.summary,
        content: { [JSON_TYPE]: { schema: operation.answer } },
      },
      default: {
        description: "What is wrong and what to do next",
        content: { [JSON_TYPE]: { schema: ErrorBody } },
      },
    },
  };
}
