import { createHash } from 'node:crypto';

import type { Authorisation } from './access.js';

/** The colours of the viewer page (client/styles/page.css); this page is shown to who may not load anything else. */
const style = `
:root { color-scheme: dark; --background: #0b0d12; --surface: #171b24; --line: #3a4050; --text: #f1f3f8; --muted: #b1b8c9;
  --accent: #ffbe5c; --on-accent: #1d1402; --bad: #ff7b72; }
@media (prefers-color-scheme: light) { :root { color-scheme: light; --background: #e9ebf1; --surface: #fff;
  --line: #80869a; --text: #12151d; --muted: #4b5264; --accent: #4338ca; --on-accent: #fff; --bad: #b91c1c; } }
* { box-sizing: border-box; }
body { display: grid; place-items: center; min-height: 100vh; margin: 0; background: var(--background);
  color: var(--text); font: 16px/1.4 system-ui, sans-serif; }
main { display: grid; gap: 16px; width: min(24rem, 92vw); padding: 28px; border-radius: 24px; background: var(--surface); }
h1 { font-size: 20px; margin: 0; }
p { margin: 0; color: var(--muted); }
[role=alert] { color: var(--bad); }
label { display: grid; gap: 6px; }
input, button { width: 100%; min-height: 44px; padding: 0 14px; border: 1px solid var(--line); border-radius: 12px;
  background: transparent; color: inherit; font: inherit; }
button { border: 0; border-radius: 999px; background: var(--accent); color: var(--on-accent); font-weight: 600; cursor: pointer; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }`;

/** What a browser may do with these pages: draw them, and send the form. */
export const loginPagePolicy =
  `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; ` +
  `form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

/** The form that asks for the token. */
export function loginPage(authorisation: Authorisation, next: string): string {
  const problem = {
    granted: '',
    missing: '',
    wrong: '<p role="alert">That is not the token.</p>',
    'too-many-attempts': '<p role="alert">Too many wrong tokens. Wait a little.</p>',
  }[authorisation];
  return page(`<form method="post" action="/login">
<main>
<h1>vid2vid-turbo</h1>
<p>Whoever started this server gave it a token. Enter it to watch.</p>
${problem}
<label>Token <input name="token" type="password" autocomplete="current-password" required autofocus></label>
<input name="next" type="hidden" value="${escapeHtml(next)}">
<button>Watch</button>
</main>
</form>`);
}

/** Said in place of the viewer page where it wasn't built. */
export const pageMissing = page(`<main>
<h1>The viewer page isn't built</h1>
<p>The server runs, but dist/client is missing. Run "npm run build" and start it again.</p>
</main>`);

function page(body: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>vid2vid-turbo</title>
<style>${style}</style>
${body}
</html>
`;
}

function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (sign) => entities[sign] ?? sign);
}
