#!/usr/bin/env bash
# Renders a Markdown file as GitHub shows a job summary and takes a picture of it, light and dark.
#
# usage: scripts/render-summary.sh <summary.md> [<directory for the pictures>]
#
# A snapshot of insta (`.snap`) is taken too: its header is left out. Needs npm and a Chromium
# (`apt-get install chromium`); the renderer is installed into a directory of its own, which
# SUMMARY_RENDERER names when it is to be kept for the next call. Folds are opened with OPEN=1,
# and WIDTH is the width of the picture in pixels.
set -euo pipefail

summary=$(realpath "$1")
pictures=$(realpath "${2:-.}")
width=${WIDTH:-1012}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
renderer=${SUMMARY_RENDERER:-$work/renderer}
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)

if [ ! -d "$renderer/node_modules" ]; then
  mkdir -p "$renderer"
  npm install --silent --no-audit --no-fund --prefix "$renderer" \
    unified@11 remark-parse@11 remark-gfm@4 remark-rehype@11 rehype-raw@7 rehype-sanitize@6 \
    rehype-stringify@10 github-markdown-css@5 mermaid@11
fi

cat > "$renderer/render.mjs" <<'JS'
import { readFileSync, writeFileSync } from 'node:fs';
import { unified } from 'unified';
import remarkParse from 'remark-parse';
import remarkGfm from 'remark-gfm';
import remarkRehype from 'remark-rehype';
import rehypeRaw from 'rehype-raw';
import rehypeSanitize, { defaultSchema } from 'rehype-sanitize';
import rehypeStringify from 'rehype-stringify';

const [summary, directory] = process.argv.slice(2);
let markdown = readFileSync(summary, 'utf8');
if (summary.endsWith('.snap')) markdown = markdown.replace(/^---\n[^]*?\n---\n/, '');
const html = String(await unified()
  .use(remarkParse).use(remarkGfm).use(remarkRehype, { allowDangerousHtml: true })
  .use(rehypeRaw).use(rehypeSanitize, defaultSchema).use(rehypeStringify)
  .process(markdown));
// GitHub draws Mermaid with a theme for the page's own; a chart in a closed fold has no size, so it is not drawn.
const drawn = process.env.OPEN
  ? html.replace(/<pre><code class="language-mermaid">([^]*?)<\/code><\/pre>/g, '<pre class="mermaid">$1</pre>')
  : html;
const shown = process.env.OPEN ? drawn.replaceAll('<details>', '<details open>') : drawn;
const mermaid = readFileSync(new URL('./node_modules/mermaid/dist/mermaid.min.js', import.meta.url));
for (const theme of ['light', 'dark']) {
  const css = readFileSync(new URL(`./node_modules/github-markdown-css/github-markdown-${theme}.css`, import.meta.url));
  const ground = theme === 'dark' ? '#0d1117' : '#ffffff';
  writeFileSync(`${directory}/${theme}.html`,
    `<!doctype html><meta charset="utf-8"><style>${css}body{margin:0;background:${ground}}` +
    `.markdown-body{padding:24px 32px;font-size:16px}</style><article class="markdown-body">${shown}</article>` +
    (drawn === html ? '' : `<script>${mermaid}</script><script>mermaid.initialize({ startOnLoad: true, ` +
      `theme: '${theme === 'dark' ? 'dark' : 'default'}' })</script>`));
}
JS
node "$renderer/render.mjs" "$summary" "$work"

name=$(basename "$summary")
name=${name%.*}
for theme in light dark; do
  take() {
    "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
      --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars \
      --virtual-time-budget=8000 --user-data-dir="$(mktemp -d -p "$work")" "$@" "file://$work/$theme.html" 2>/dev/null
  }
  # Chromium has no picture of the whole page from the command line, so the page tells its height first.
  {
    cat "$work/$theme.html"
    echo '<script>setInterval(() => {'
    echo '  document.title = document.querySelector("article").getBoundingClientRect().height'
    echo '}, 50)</script>'
  } > "$work/measure.html"
  height=$("$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
    --disable-background-networking --disable-component-update --disable-sync \
    --user-data-dir="$(mktemp -d -p "$work")" --virtual-time-budget=8000 --window-size="$width,600" --dump-dom \
    "file://$work/measure.html" 2>/dev/null | sed -n 's|.*<title>\([0-9]*\).*|\1|p' | head -n 1)
  take --window-size="$width,$((${height:-900} + 8))" --screenshot="$pictures/$name-$theme.png"
  echo "$pictures/$name-$theme.png"
done
