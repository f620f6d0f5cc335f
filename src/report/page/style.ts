/** The look of every report: one column, system fonts, light and dark by the reader's setting, printable. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #f6f7f9; --card: #ffffff; --ink: #1b2029; --soft: #5d6675; --line: #dfe3ea; --accent: #2f6fde; --wash: #eef2f8;
  --good: #14804a; --good-wash: #e2f4ea; --warn: #946200; --warn-wash: #fbf0d6; --bad: #b3261e; --bad-wash: #fbe6e4;
  --c0: #3b78e7; --c1: #e08a1e; --c2: #2a9d6f; --c3: #b455c8; --c4: #d6486b; --c5: #1d9bb2; --c6: #8a7a3c; --c7: #8b94a3;
  --before: #b9c2d0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #11141a; --card: #1a1f28; --ink: #e7eaf0; --soft: #9aa4b4; --line: #2d3441; --accent: #7fabff; --wash: #222936;
    --good: #58c98e; --good-wash: #14301f; --warn: #e2b34c; --warn-wash: #33290f; --bad: #ff8a80; --bad-wash: #3a1a18;
    --c0: #6c9dff; --c1: #f0a848; --c2: #4fc795; --c3: #d08be0; --c4: #f2758f; --c5: #4cc3da; --c6: #bfae6a; --c7: #7d8797;
    --before: #4a5365;
  }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
main { max-width: 1200px; margin: 0 auto; padding: 28px 20px 60px }
header.top h1 { font-size: 22px; margin: 0 0 4px; overflow-wrap: anywhere; font-weight: 650; letter-spacing: -.01em }
header.top .arrow { color: var(--soft); font-weight: 400 }
.sub { color: var(--soft); margin: 0 }
.banner { display: flex; gap: 14px; align-items: baseline; border-radius: 10px; padding: 13px 18px; margin: 18px 0; border: 1px solid transparent }
.banner b { font-size: 17px; text-transform: capitalize }
.banner p { margin: 0 }
.banner.proven { background: var(--good-wash); border-color: color-mix(in srgb, var(--good) 35%, transparent) }
.banner.proven b { color: var(--good) }
.banner.plausible { background: var(--wash); border-color: color-mix(in srgb, var(--accent) 35%, transparent) }
.banner.plausible b { color: var(--accent) }
.banner.unproven { background: var(--warn-wash); border-color: color-mix(in srgb, var(--warn) 35%, transparent) }
.banner.unproven b { color: var(--warn) }
.banner.refused { background: var(--bad-wash); border-color: color-mix(in srgb, var(--bad) 35%, transparent) }
.banner.refused b { color: var(--bad) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 0 0 18px }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 13px 16px }
.tile .k { color: var(--soft); font-size: 13px }
.tile .v { font-size: 24px; font-weight: 650; letter-spacing: -.02em; font-variant-numeric: tabular-nums; line-height: 1.25 }
.tile .n { color: var(--soft); font-size: 13px }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 20px 18px; margin: 0 0 18px }
h2 { font-size: 16px; margin: 0 0 4px; font-weight: 650 }
h2 + .sub { margin-bottom: 12px; font-size: 13.5px }
h3 { font-size: 13.5px; margin: 18px 0 6px; color: var(--soft); font-weight: 600 }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums }
th { text-align: left; color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--line); padding: 5px 10px 5px 0; white-space: nowrap }
td { border-bottom: 1px solid var(--line); padding: 5px 10px 5px 0; vertical-align: top; overflow-wrap: anywhere }
tr:last-child td { border-bottom: 0 }
th:last-child, td:last-child { padding-right: 0 }
.r { text-align: right; white-space: nowrap }
td.r + td:not(.r), th.r + th:not(.r) { padding-left: 12px }
.wide { overflow-x: auto }
.wide > table { min-width: 760px } .wide > svg { min-width: 640px }
code, .mono { font: 12.5px/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere }
.chip { display: inline-block; border-radius: 5px; padding: 0 7px; font-size: 12.5px; background: var(--wash); white-space: nowrap; max-width: 260px; overflow: hidden; text-overflow: ellipsis; vertical-align: bottom }
.chip.keep { color: var(--soft) }
.next { background: var(--wash); border-radius: 8px; padding: 9px 14px; margin: 6px 0 0; white-space: pre-wrap; overflow-wrap: anywhere }
ul.warnings, ul.notes { margin: 4px 0 0; padding-left: 18px }
.controls { display: flex; flex-wrap: wrap; gap: 10px; margin: 8px 0 10px; align-items: center }
.controls input, .controls select { font: inherit; font-size: 13.5px; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: 7px; padding: 5px 10px }
.controls input { flex: 1 1 240px; max-width: 420px }
.controls output { color: var(--soft); font-size: 13px }
th[data-sort] { cursor: pointer; user-select: none }
th[data-sort]:hover, th[data-sort]:focus-visible { color: var(--ink) }
th[aria-sort=ascending]::after { content: " ▲"; font-size: 10px }
th[aria-sort=descending]::after { content: " ▼"; font-size: 10px }
.scroll { max-height: 560px; overflow: auto; border-top: 1px solid var(--line) }
.scroll thead th { position: sticky; top: 0; background: var(--card); z-index: 1; border-bottom: 0; box-shadow: inset 0 -1px var(--line); padding-top: 8px }
.decisions { min-width: 1000px }
.decisions td { overflow-wrap: break-word; word-break: normal }
.decisions td:first-child { width: 22%; min-width: 200px; overflow-wrap: anywhere }
.decisions td.op { min-width: 152px; max-width: 180px; overflow-wrap: anywhere }
.decisions td.shape, .decisions td.form { white-space: nowrap }
.decisions td.why { min-width: 260px; color: var(--soft) }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; margin: 8px 0 0; color: var(--soft) }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 6px }
.f0 { fill: var(--c0); background: var(--c0) } .f1 { fill: var(--c1); background: var(--c1) } .f2 { fill: var(--c2); background: var(--c2) }
.f3 { fill: var(--c3); background: var(--c3) } .f4 { fill: var(--c4); background: var(--c4) } .f5 { fill: var(--c5); background: var(--c5) }
.f6 { fill: var(--c6); background: var(--c6) } .f7 { fill: var(--c7); background: var(--c7) }
svg { display: block; width: 100%; height: auto; font: 12px system-ui, -apple-system, "Segoe UI", sans-serif }
svg text { fill: var(--ink) } svg text.dim { fill: var(--soft) }
svg .before { fill: var(--before) } svg .after { fill: var(--c0) } svg .kept { fill: var(--c7) }
.chart { position: relative; min-height: 60px }
.u-legend { display: none !important }
.tip { position: absolute; pointer-events: none; background: var(--ink); color: var(--card); border-radius: 6px; padding: 4px 9px; font-size: 12.5px; max-width: 420px; overflow-wrap: anywhere; z-index: 5; display: none }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(92px, 1fr)); gap: 12px; margin-top: 8px }
.pictures figure { margin: 0; text-align: center; font-size: 12.5px; color: var(--soft) }
.pictures img { width: 100%; aspect-ratio: 1; image-rendering: pixelated; border-radius: 6px; border: 1px solid var(--line); background: #000 }
.pictures b { color: var(--ink); font-size: 14px } .pictures .wrong { color: var(--bad); font-weight: 600 }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; margin: 8px 0 0; font-size: 13.5px }
dl.facts dt { color: var(--soft) } dl.facts dd { margin: 0; overflow-wrap: anywhere }
footer { color: var(--soft); font-size: 13px; text-align: center }
@media (max-width: 640px) { main { padding: 16px 12px 40px } section { padding: 14px 14px 16px } .banner { flex-direction: column; gap: 2px } }
@media print { body { background: #fff } section, .tile { break-inside: avoid } .controls { display: none } .scroll { max-height: none; overflow: visible } }
`
