/** Credentials of clouds are JSON documents; where they offer plain API keys, too, those are taken as they are. */

/** The file that Google's console gives out for a service account. */
export type GoogleAccount = {
  clientEmail: string;
  privateKey: string;
  tokenUrl: string;
  projectId: string | undefined;
};

export type AwsAccessKey = {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string | undefined;
};

/** Where service accounts get their tokens when their file does not say. */
const GOOGLE_TOKEN_URL = "https://oauth2.googleapis.com/token";

/** Undefined for what is no such document: a plain API key. */
export function readGoogleAccount(credential: string): GoogleAccount | undefined {
  const fields = fieldsOf(credential);
  const clientEmail = fields?.["client_email"];
  const privateKey = fields?.["private_key"];
  if (clientEmail === undefined || privateKey === undefined) return undefined;
  const tokenUrl = fields?.["token_uri"] ?? GOOGLE_TOKEN_URL;
  return { clientEmail, privateKey, tokenUrl, projectId: fields?.["project_id"] };
}

/** In small letters, or as the programs of AWS write it (`aws configure export-credentials`). */
export function readAwsAccessKey(credential: string): AwsAccessKey | undefined {
  const fields = fieldsOf(credential) ?? {};
  const accessKeyId = fields["access_key_id"] ?? fields["AccessKeyId"];
  const secretAccessKey = fields["secret_access_key"] ?? fields["SecretAccessKey"];
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  const sessionToken = fields["session_token"] ?? fields["SessionToken"];
  return { accessKeyId, secretAccessKey, sessionToken };
}

/** Shorter texts of a document, such as its version, tell nothing and stand in many messages. */
const SECRET_CHARS_MIN = 8;

/** Everything in a credential that must not be in a message. */
export function secretsIn(credential: string): string[] {
  const texts = Object.values(fieldsOf(credential) ?? {});
  return [credential, ...texts.filter((text) => text.length >= SECRET_CHARS_MIN)];
}

/** The texts of a JSON object; undefined when it is none. */
function fieldsOf(credential: string): Record<string, string> | undefined {
  if (!credential.trimStart().startsWith("{")) return undefined;
  try {
    const fields = Object.entries(JSON.parse(credential) as Record<string, unknown>);
    return Object.fromEntries(
      fields.filter((field): field is [string, string] => typeof field[1] === "string"),
    );
  } catch {
    return undefined;
  }
}
