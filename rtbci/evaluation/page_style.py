"""The report's looks: one style sheet, light and dark, for a screen of any width and for paper."""

STYLE = """
:root{--bg:#fff;--ink:#1b1f23;--muted:#5b6570;--line:#d5dae0;--panel:#f5f6f8;--guess:#e6e9ed;--accent:#1a5f9e;
--warn:#fff5dc;--warn-line:#d29500;--idle:#b4bac1;--shade:26,95,158;
--k0:#0072b2;--k1:#d55e00;--k2:#009e73;--k3:#cc79a7;--k4:#e69f00;--k5:#56b4e9;--k6:#b8ab00;color-scheme:light}
@media screen and (prefers-color-scheme:dark){:root{--bg:#14171a;--ink:#e3e6e9;--muted:#98a2ac;--line:#333a41;
--panel:#1c2126;--guess:#272d33;--accent:#79b3ec;--warn:#2e2713;--warn-line:#c8921a;--idle:#5d656d;--shade:121,179,236;
--k0:#3f9fdc;--k1:#e8762c;--k2:#2bb98f;--k3:#d990b8;--k4:#e8ac2e;--k5:#86ccf2;--k6:#d6ca3a;color-scheme:dark}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",
"Liberation Sans",sans-serif;-webkit-print-color-adjust:exact;print-color-adjust:exact}
main{max-width:1120px;margin:0 auto;padding:28px 24px 64px}
h1{font-size:24px;line-height:1.2;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:17px;margin:36px 0 8px;padding-top:10px;border-top:1px solid var(--line)}
h3{font-size:13.5px;margin:0 0 4px;overflow-wrap:anywhere}
p{margin:0 0 8px;max-width:86ch}.lead{color:var(--muted)}
nav{font-size:13px;margin:10px 0 18px;display:flex;flex-wrap:wrap;gap:2px 16px}
a{color:var(--accent);text-decoration:none}a:hover{text-decoration:underline}
.warnings{background:var(--warn);border-left:4px solid var(--warn-line);padding:10px 16px;margin:14px 0;border-radius:3px}
.warnings h2{border:0;margin:0 0 4px;padding:0;font-size:15px}
ul{margin:0;padding-left:18px}li{margin:3px 0;max-width:100ch;overflow-wrap:anywhere}
.wide{overflow-x:auto;margin:0 0 6px}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}
th,td{padding:3px 9px 3px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{font-weight:600;color:var(--muted);font-size:12px;vertical-align:bottom;line-height:1.25}
th[title]{text-decoration:underline dotted var(--line) 1px;text-underline-offset:3px}
td{white-space:nowrap}td:first-child,.failures td{white-space:normal}
td:first-child{overflow-wrap:break-word;min-width:9ch;max-width:34ch}
.n{text-align:right;white-space:nowrap;padding-left:5px}thead .n{white-space:normal}
.confusion thead .n{white-space:nowrap}.confusion thead th:first-child{padding-right:16px}

.none,.of{color:var(--muted);font-weight:400}.none{font-size:.88em}
.failures td{overflow-wrap:anywhere}
figure{margin:0 0 8px}figcaption,.note{color:var(--muted);font-size:12.5px;max-width:100ch;margin-top:4px}.note{margin-top:0}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,290px),1fr));gap:16px 22px}
.panels.broad{grid-template-columns:repeat(auto-fill,minmax(min(100%,460px),1fr))}
.panels.one{grid-template-columns:1fr}.panels>*{break-inside:avoid;min-width:0}
.small svg{width:100%;max-width:390px;display:block}.small .square{max-width:280px}
.legend{display:flex;flex-wrap:wrap;gap:2px 18px;font-size:12.5px;color:var(--muted);max-width:none;margin:2px 0 8px}
.legend span{display:inline-flex;align-items:center;gap:6px;overflow-wrap:anywhere}.legend svg{flex:none}
.lanes{margin-bottom:8px;
display:grid;grid-template-columns:minmax(0,max-content) minmax(120px,1fr) max-content;gap:0 10px;font-size:12.5px}
.names,.numbers{font-variant-numeric:tabular-nums}.names{max-width:190px}
.names div,.numbers div{height:20px;line-height:20px;white-space:nowrap}.numbers{text-align:right}
.names div,.strips .name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
svg.fluid,svg.strip{width:100%;display:block}svg.fluid{overflow:visible}
.strips{display:grid;grid-template-columns:minmax(60px,130px) 1fr;gap:3px 10px;align-items:center;
font-size:12px;margin:4px 0 10px}
.strip.belief{background:var(--panel)}.strip.truth{background:var(--panel)}
details{margin:2px 0}summary{cursor:pointer;padding:2px 0;overflow-wrap:anywhere}
details pre{background:var(--panel);padding:10px 12px;overflow-x:auto;font-size:12px;border-radius:3px}
.confusion td,.confusion tbody th{border:1px solid var(--bg);padding:4px 9px}
.confusion tbody th{font-weight:400;max-width:22ch;overflow-wrap:break-word}
.confusion thead th{max-width:18ch;overflow-wrap:break-word;
padding:2px 9px;text-align:center;border:0}.confusion thead th:first-child{text-align:left;white-space:nowrap}
.confusion .share{text-align:center;white-space:nowrap;background:rgb(var(--shade),calc(var(--s,0%)*.55))}
.confusion .share{background:color-mix(in srgb,rgb(var(--shade)) calc(var(--s,0%)*.5),var(--panel))}
.confusion .share span{font-size:11.5px;opacity:.8}
dl{display:grid;grid-template-columns:max-content 1fr;gap:3px 16px;margin:0 0 8px;font-size:13px}
dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
.tick{fill:var(--muted);font-size:10.5px}.grid{stroke:var(--line);stroke-width:1}.guess{fill:var(--guess)}
.chance{stroke:var(--muted);stroke-width:1;stroke-dasharray:3 2.5;fill:none}.cue{stroke:var(--ink);stroke-width:1}
.curve{stroke:var(--accent);stroke-width:1.8;fill:none;stroke-linejoin:round}.dot{fill:var(--accent)}
.ci{stroke:var(--accent);stroke-width:2;fill:none}.mark{stroke:var(--ink);stroke-width:1.3;fill:none}
.bar{fill:var(--idle)}.extent{fill:var(--muted)}
.k0{fill:var(--k0)}.k1{fill:var(--k1)}.k2{fill:var(--k2)}.k3{fill:var(--k3)}.k4{fill:var(--k4)}.k5{fill:var(--k5)}
.k6{fill:var(--k6)}.kidle{fill:var(--idle)}.nothing{fill:var(--panel);stroke:var(--line)}.soft{opacity:.5}
@media (max-width:620px){main{padding:16px 12px}.names{max-width:110px}}
@media print{main{max-width:none;padding:0}body{font-size:11px}nav{display:none}h2{break-after:avoid}
.wide{overflow:visible}table{font-size:9.5px}
.folds table,.folds thead th{font-size:6.8px}.folds td,.folds th{padding:2px 5px 2px 0}
details::details-content{content-visibility:visible;display:block}
.lanes,.strips,tr{break-inside:avoid}}
"""
