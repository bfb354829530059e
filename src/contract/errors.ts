/** The error body of both planes: the shape that OpenAI's SDKs read. */
import { z } from "zod";

export const ErrorBody = z
  .object({
    error: z.object({
      message: z.string().meta({ description: "What is wrong and what to do next" }),
      type: z.string(),
      param: z.string().nullable().meta({ description: "The field of the request that is wrong" }),
      code: z.string().nullable(),
    }),
  })
  .meta({ id: "Error" });
export type ErrorBody = z.infer<typeof ErrorBody>;
