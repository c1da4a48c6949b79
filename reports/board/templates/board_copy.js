// The visible rows and columns as LaTeX, CSV or Markdown. Names come escaped for each of them, as `deid-bench tables` does.
import { state } from "./board_state.js";
const FORMS = {
  // To the last digit, as in the record.
  csv: { number: (data, c, r) => `${data.value[c][r] ?? ""},${data.interval[c][r].replace(", ", ",") || ","}`, line: (cells) => cells.join(",") },
  markdown: { number: shown, line: (cells) => `| ${cells.join(" | ")} |` },
  latex: { number: (...where) => shown(...where).replace(/-(?=\d)/g, "$-$").replace(/–/g, "--").replace("[", "{[}"), line: (cells) => `${cells.join(" & ")} \\\\` },
};

function shown(data, c, r, view) {
  return view.text[c][r] + (state.get("ci") === "1" && data.interval[c][r] ? ` [${data.interval[c][r]}]` : "");
}

export function copyAs(form, view) {
  const { data } = view, { number, line } = FORMS[form];
  const columns = data.columns.map((_, c) => c).filter((c) => view.columns[c]);
  const rows = view.order.filter((r) => view.shown[r]);
  const body = rows.map((r) => line([data.rows[r].copy[form], ...columns.map((c) => number(data, c, r, view))]));
  const heads = columns.map((c) => data.columns[c].copy[form]);
  if (form === "csv") return [line(["method", ...heads.flatMap((head) => [head, "low", "high"])]), ...body, ""].join("\r\n");
  if (form === "markdown") return [line(["method", ...heads]), line(["---", ...heads.map(() => "---:")]), ...body, ""].join("\n");
  return [`\\begin{tabular}{l${"r".repeat(heads.length)}}\n\\toprule`, line(["Method", ...heads]), "\\midrule", ...body, "\\bottomrule\n\\end{tabular}", ""].join("\n");
}
