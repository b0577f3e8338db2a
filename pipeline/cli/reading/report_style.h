#pragma once

namespace besom::cli {

/// The style sheet of the report: light or dark as the reader's system is.
inline constexpr char kReportStyle[] = R"css(
:root { color-scheme: light dark; --page: #fbfbfa; --card: #ffffff;
  --ink: #1c1f23; --soft: #626b76; --rule: #e2e4e8; --accent: #2563eb;
  --warn: #b45309; --l0: #2563eb; --l1: #ea580c; --l2: #059669; --l3: #9333ea;
  --hit: 37,99,235; --miss: 220,38,38; }
@media (prefers-color-scheme: dark) { :root { --page: #14171a;
  --card: #1d2125; --ink: #e6e8eb; --soft: #9aa4b0; --rule: #343a41;
  --accent: #7aa7ff; --warn: #fbbf24; --l0: #7aa7ff; --l1: #fb923c;
  --l2: #34d399; --l3: #c084fc; --hit: 96,150,255; --miss: 248,113,113; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1100px; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.7rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; overflow-wrap: anywhere; }
p { margin: .3rem 0; }
.soft, .none, caption { color: var(--soft); }
.warn { color: var(--warn); font-weight: 600; }
.card { background: var(--card); border: 1px solid var(--rule);
  border-radius: 10px; padding: 1rem 1.2rem; }
.tiles { display: grid; gap: 1rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); }
.tiles b { display: block; font-size: 1.35rem; line-height: 1.4;
  overflow-wrap: anywhere;
  font-variant-numeric: tabular-nums; }
.row { display: flex; flex-wrap: wrap; gap: 1.2rem; align-items: flex-start; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; }
th, td { padding: .28rem .7rem; text-align: left; white-space: nowrap;
  border-bottom: 1px solid var(--rule); }
th { color: var(--soft); font-weight: 600; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .3rem 0; font-size: .85rem; }
table.matrix td, table.matrix th { text-align: center; min-width: 4.2rem;
  border: 1px solid var(--rule); }
table.matrix td.hit { background: rgba(var(--hit), var(--share)); }
table.matrix td.miss { background: rgba(var(--miss), var(--share)); }
pre { overflow-x: auto; font: 13px/1.45 ui-monospace, monospace; margin: 0; }
details { margin: .6rem 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
img { max-width: 100%; border-radius: 6px; }
svg.chart { width: 340px; max-width: 100%; background: var(--card);
  border: 1px solid var(--rule); border-radius: 8px; }
svg text { fill: var(--soft); font: 10px system-ui, sans-serif; }
svg text.title { fill: var(--ink); font-size: 12px; font-weight: 600; }
svg .grid { stroke: var(--rule); }
svg .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
svg .line.line0 { stroke: var(--l0); } svg .line.line1 { stroke: var(--l1); }
svg .line.line2 { stroke: var(--l2); } svg .line.line3 { stroke: var(--l3); }
svg text.line0 { fill: var(--l0); } svg text.line1 { fill: var(--l1); }
svg text.line2 { fill: var(--l2); } svg text.line3 { fill: var(--l3); }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; }
)css";

}  // namespace besom::cli
