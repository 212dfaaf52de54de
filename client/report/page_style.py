"""How the report page looks: one style sheet, for light and dark, desktop and phone, screen and paper."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --panel: #f4f5f7; --ink: #1c2026; --soft: #59616c; --line: #d5d9df; --track: #eceef1;
  --grid: #dcdfe4; --pause: 30%;
  --good: #1d7a46; --fair: #9a6200; --bad: #c02b2b; --good-back: #e5f4ea; --fair-back: #fcf0d9; --bad-back: #fbe6e6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --panel: #1d2127; --ink: #e8eaed; --soft: #a3abb6; --line: #363c45; --track: #1f2429;
    --grid: #2e343b; --pause: 32%;
    --good: #63cf90; --fair: #e9b34d; --bad: #ff7b7b; --good-back: #16301f; --fair-back: #352a12; --bad-back: #3a1b1d;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 1180px; padding: 20px clamp(12px, 3vw, 32px) 48px; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", sans-serif;
}
h1 { font-size: 15px; font-weight: 600; color: var(--soft); margin: 0 0 10px; }
h2 { font-size: 18px; margin: 36px 0 4px; }
h3 { font-size: 15px; margin: 22px 0 6px; }
p { margin: 4px 0 10px; max-width: 78ch; }
.soft { color: var(--soft); }
.verdict { padding: 14px 18px; border-left: 6px solid; border-radius: 8px; }
.verdict strong { display: block; font-size: clamp(18px, 2.6vw, 24px); line-height: 1.3; }
.verdict p { margin: 6px 0 0; max-width: 110ch; }
.good { background: var(--good-back); border-color: var(--good); }
.fair { background: var(--fair-back); border-color: var(--fair); }
.bad { background: var(--bad-back); border-color: var(--bad); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 10px; margin: 16px 0 0; }
.facts div { background: var(--panel); border-radius: 8px; padding: 8px 12px; }
.facts dt { font-size: 12.5px; color: var(--soft); }
.facts dd { margin: 0; font-size: 19px; font-weight: 600; font-variant-numeric: tabular-nums; }
.facts dd.poor { color: var(--bad); }
.lanes { margin: 10px 0 0; }
.lane { display: grid; grid-template-columns: 190px 1fr; align-items: center; margin: 5px 0; }
.lane .name { font-size: 13.5px; font-weight: 600; padding-right: 12px; line-height: 1.25; }
.lane .name small { display: block; font-weight: 400; font-size: 12px; color: var(--soft); }
.track {
  position: relative; height: 26px; border-radius: 4px; overflow: hidden; background: var(--track);
  background-image: repeating-linear-gradient(
    to right, var(--grid) var(--first) calc(var(--first) + 1px),
    #0000 calc(var(--first) + 1px) calc(var(--first) + var(--step)));
}
.bar {
  --high: calc(20px / var(--rows, 1)); position: absolute; top: calc(3px + var(--row, 0) * var(--high));
  height: var(--high); min-width: 3px; border-radius: 2px; background: var(--hue); color: #fff; font-size: 11px;
  line-height: 20px; text-align: center; overflow: hidden; white-space: nowrap; border-right: 1px solid var(--track);
}
.bar.thin { border: 0; }
.bar.odd { background-image: linear-gradient(#0003, #0003); }
.bar.guess { background-image: repeating-linear-gradient(45deg, #fff5 0 3px, #0000 3px 8px); }
.bar.pause { background: color-mix(in srgb, var(--hue) var(--pause), var(--track)); border: 0; }
.bar.gap, .bar.still { top: 0; height: 100%; border: 0; border-radius: 0; font-weight: 600; line-height: 26px; }
.bar.gap { background: #d03535; }
.bar.still { background: repeating-linear-gradient(45deg, #a92a2a 0 6px, #c23f3f 6px 12px); }
.due { position: absolute; top: 0; bottom: 0; width: 0; margin-left: -1px; border-left: 2px solid var(--ink); }
.due.late { border-color: var(--bad); border-left-width: 3px; }
.axis { position: relative; height: 30px; font-size: 12px; color: var(--soft); font-variant-numeric: tabular-nums; }
.axis span { position: absolute; top: 6px; transform: translateX(-50%); white-space: nowrap; }
.axis span::before {
  content: ""; position: absolute; left: 50%; top: -6px; height: 5px; border-left: 1px solid var(--soft);
}
.axis span.edge { transform: none; } .axis span.edge::before { left: 0; }
.key { display: flex; flex-wrap: wrap; gap: 6px 18px; margin: 8px 0 0; padding: 0; list-style: none; font-size: 13px; }
.key i {
  position: relative; display: inline-block; width: 22px; height: 13px; vertical-align: -2px; margin-right: 6px;
}
.key .bar { top: 0; height: 13px; left: 0; width: 22px; } .key .due { left: 10px; }
.key i.swatch { width: 13px; border-radius: 3px; background: var(--hue); }
.stack { display: flex; height: 34px; border-radius: 6px; overflow: hidden; background: var(--track); }
.stack b {
  background: var(--hue); min-width: 1px; color: #fff; font-size: 12px; line-height: 34px; text-align: center;
  overflow: hidden; white-space: nowrap; font-weight: 600;
}
.stack b.none { background: repeating-linear-gradient(45deg, #6b7280 0 4px, #868d98 4px 8px); }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); }
th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; white-space: nowrap; }
tr.late td { color: var(--bad); }
table + p { margin-top: 10px; }
.wide { overflow-x: auto; }
details { margin: 18px 0 0; } summary { cursor: pointer; font-weight: 600; }
td.hop { padding-left: 20px; text-indent: -20px; }
td i.swatch {
  display: inline-block; width: 12px; height: 12px; margin-right: 8px; border-radius: 3px; background: var(--hue);
  vertical-align: -1px;
}
@media (max-width: 860px) {
  .lane { grid-template-columns: 1fr; margin: 9px 0; }
  .lane .name { padding: 0 0 2px; } .lane .name small { display: inline; margin-left: 6px; }
  .axis.dense span:nth-child(even) { display: none; }
  .bar, .stack b { font-size: 0; } .bar.roomy, .stack b.roomy { font-size: 11px; }
  td.means, th.means { display: none; }
}
@media print {
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { max-width: none; padding: 0; } .verdict, .facts, .lanes, .stack, tr { break-inside: avoid; }
  details::details-content { content-visibility: visible; } h2, h3 { break-after: avoid; }
}
"""
