import { createHash } from 'node:crypto';

import type { Authorisation } from './access.js';

const style = `
:root { color-scheme: light dark; font-family: system-ui, sans-serif; }
body { display: grid; place-items: center; min-height: 100vh; margin: 0; }
main { display: grid; gap: 1rem; width: min(20rem, 90vw); }
h1 { font-size: 1.25rem; margin: 0; }
p { margin: 0; }
label { display: grid; gap: 0.25rem; }
input, button { font: inherit; padding: 0.5rem; }`;

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
