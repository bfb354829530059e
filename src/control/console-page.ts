/** The page at `/` until there is a console: says what is here, and does not pretend to be more. */
import { createHash } from "node:crypto";

const STYLE = `
:root { color-scheme: light dark; --text: #1d2433; --soft: #5b6478; --line: #dfe3ea; --back: #fbfbfd; --link: #1f5fbf; --code: #eef1f6; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e9f0; --soft: #9aa3b5; --line: #2c3444; --back: #12161f; --link: #82b1ff; --code: #1e2532; }
}
body { margin: 0; background: var(--back); color: var(--text); font: 1rem/1.6 system-ui, sans-serif; }
main { max-width: 42rem; margin: 0 auto; padding: 12vh 1.5rem 4rem; }
h1 { margin: 0; font-size: 2rem; letter-spacing: -0.02em; }
h2 { margin: 2.5rem 0 0.5rem; font-size: 1rem; }
p.soft, td:first-child { color: var(--soft); }
a { color: var(--link); }
code, pre { background: var(--code); border-radius: 0.35rem; font: 0.9rem/1.6 ui-monospace, monospace; }
code { padding: 0.1rem 0.35rem; }
pre { padding: 0.9rem 1.1rem; overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
td { padding: 0.5rem 1rem 0.5rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
`;

const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

const page = (version: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Baseload</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Baseload</h1>
<p class="soft">Control plane, version ${version}</p>
<p>The control plane is running. The web console is not there yet; the command line and the API do
everything that it will do.</p>

<h2>Command line</h2>
<pre>npx baseload status
npx baseload wallet --organization NAME
npx baseload usage --organization NAME
npx baseload --help</pre>

<h2>API</h2>
<table>
<tr><td>Operations</td><td><code>/api/v1/…</code>, with the operator's token as <code>Authorization: Bearer</code></td></tr>
<tr><td>Description</td><td><a href="/api/openapi.json">/api/openapi.json</a> (OpenAPI 3.1)</td></tr>
<tr><td>Health</td><td><a href="/healthz">/healthz</a>, <a href="/readyz">/readyz</a></td></tr>
<tr><td>Metrics</td><td><a href="/metrics">/metrics</a> (Prometheus)</td></tr>
</table>
<p class="soft">The token is <code>admin_token</code> in <code>secrets.json</code> of the home folder. Applications
call models on the data plane, whose address <code>baseload up</code> prints. Documents are in the
folder <code>docs</code> of the repository.</p>
</main>
</body>
</html>
`;

export function answerConsolePage(version: string): Response {
  return new Response(page(version), {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cache-control": "no-cache",
    },
  });
}
