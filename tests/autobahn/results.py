"""Judges one role's report: which cases ran, and which of them passed."""

import ast
import json
import re

# Cases per group in Autobahn|Testsuite 25.10.1. A wstest that offers fewer is
# refused: a run over half of the suite must not look like a pass.
CASES = {1: 16, 2: 11, 3: 7, 4: 10, 5: 20, 6: 145, 7: 37, 9: 54, 10: 1, 12: 90, 13: 126}
CORE = (1, 2, 3, 4, 5, 6, 7, 9, 10)
DEFLATE = (12, 13)

# What a peer does here is left open by RFC 6455; wstest reports these three as
# INFORMATIONAL whatever happens.
INFORMATIONAL = {"7.1.6", "7.13.1", "7.13.2"}


def groups(mode):
    return CORE + DEFLATE if mode == "all" else CORE


def expected(mode):
    return sum(CASES[number] for number in groups(mode))


def case_key(case):
    return [int(part) for part in case.split(".")]


def group(case):
    return case_key(case)[0]


def passed(case, behavior, close):
    allowed = {"OK", "INFORMATIONAL"} if case in INFORMATIONAL else {"OK"}
    return behavior in allowed and close in allowed


class Outcome:
    """What came of one role."""

    def __init__(self, role, mode):
        self.role = role
        self.mode = mode
        self.selected = []  # the cases wstest said it would run
        self.results = {}  # case: (behavior, behaviorClose, why)
        self.problems = []  # what went wrong beside the cases
        self.seconds = 0.0
        self.logs = []

    def read(self, wstest_log, reports):
        self.selected = read_selection(wstest_log)
        self.results = read_reports(reports)
        if not self.selected:
            self.problems.append("wstest selected no cases")
            return
        offered = {}
        for case in self.selected:
            offered[group(case)] = offered.get(group(case), 0) + 1
        for number in groups(self.mode):
            if offered.get(number, 0) < CASES[number]:
                self.problems.append(
                    "wstest selected %d cases of group %d, expected %d"
                    % (offered.get(number, 0), number, CASES[number])
                )

    def progress(self):
        """How far wstest has come by its log."""
        try:
            started = self.logs[1].read_text(errors="replace").count("Running test case ID")
        except (IndexError, OSError):
            started = 0
        return "%s %d of %d" % (self.role, started, expected(self.mode))

    def not_run(self):
        return [case for case in self.selected if case not in self.results]

    def counts(self):
        """Cases passed and failed; a case that never ran has failed."""
        total = max(len(self.selected), expected(self.mode))
        good = sum(
            passed(case, *self.results[case][:2]) for case in self.selected if case in self.results
        )
        failed = total - good
        # A fault beside the cases must show in the last line too.
        return good, failed or len(self.problems)


def read_selection(wstest_log):
    """The case list wstest prints when it starts."""
    try:
        text = wstest_log.read_text(errors="replace")
    except OSError:
        return []
    found = re.search(r"^Cases = (\[.*\])\s*$", text, re.MULTILINE)
    return [str(case) for case in ast.literal_eval(found.group(1))] if found else []


def read_reports(reports):
    try:
        index = json.loads((reports / "index.json").read_text())
    except (OSError, ValueError):
        return {}
    results = {}
    for case, entry in index.get("bowline", {}).items():
        behavior, close = entry["behavior"], entry["behaviorClose"]
        why = "" if passed(case, behavior, close) else reason(reports / entry["reportfile"])
        results[case] = (behavior, close, why)
    return results


def reason(detail_file):
    try:
        detail = json.loads(detail_file.read_text())
    except (OSError, ValueError):
        return ""
    return "%s %s" % (detail.get("result", ""), detail.get("resultClose", ""))


def column(behavior, close):
    """A case counts in the column of the worse of its two verdicts."""
    if behavior == close == "OK":
        return 0
    return 1 if {behavior, close} <= {"OK", "INFORMATIONAL"} else 2


def print_outcome(outcome):
    table = {number: [0, 0, 0] for number in groups(outcome.mode)}
    for case in outcome.selected:
        verdict = outcome.results.get(case, ("NOT RUN", "NOT RUN", ""))
        table.setdefault(group(case), [0, 0, 0])[column(*verdict[:2])] += 1
    print("\n%s role, %d cases, %.0f s" % (outcome.role, len(outcome.selected), outcome.seconds))
    print("  group     OK  INFORMATIONAL  other")
    for number in sorted(table):
        print("  %5d  %5d  %13d  %5d" % ((number,) + tuple(table[number])))
    totals = [sum(row[i] for row in table.values()) for i in range(3)]
    print("  total  %5d  %13d  %5d" % tuple(totals))

    for case in sorted(outcome.selected, key=case_key):
        if case not in outcome.results:
            continue
        behavior, close, why = outcome.results[case]
        if column(behavior, close):
            note = "(allowed)" if passed(case, behavior, close) else why
            print("  %-8s %s, close %s  %s" % (case, behavior, close, note))
    missing = outcome.not_run()
    if missing:
        shown = ", ".join(missing[:10]) + (", ..." if len(missing) > 10 else "")
        print("  not run: %d cases: %s" % (len(missing), shown))
    for problem in outcome.problems:
        print("  problem: %s" % problem)


def write_table(outcomes, path, date):
    """The verdicts on every case, as a page of Markdown."""
    cases = sorted({case for each in outcomes for case in each.selected}, key=case_key)
    roles = [each.role for each in outcomes]
    lines = [
        "# Autobahn",
        "",
        "Every case of Autobahn|Testsuite 25.10.1, strictly judged, as `tests/autobahn/run all both --table FILE`",
        "found it on %s. Where behavior and close behavior differ, both are given. RFC 6455 leaves open what a"
        % date,
        "peer does in 7.1.6, 7.13.1 and 7.13.2: the suite marks these informational whatever happens.",
        "",
        "| role | cases | OK | informational | other |",
        "| --- | --- | --- | --- | --- |",
    ]
    for outcome in outcomes:
        columns = [0, 0, 0]
        for case in outcome.selected:
            columns[column(*outcome.results.get(case, ("NOT RUN", "NOT RUN", ""))[:2])] += 1
        cells = (outcome.role, len(outcome.selected)) + tuple(columns)
        lines.append("| %s | %d | %d | %d | %d |" % cells)
    lines += ["", "| case | %s |" % " | ".join(roles), "| --- |" + " --- |" * len(roles)]
    for case in cases:
        verdicts = [each.results.get(case, ("NOT RUN", "NOT RUN", ""))[:2] for each in outcomes]
        cells = [one if one == two else "%s, close %s" % (one, two) for one, two in verdicts]
        lines.append("| %s | %s |" % (case, " | ".join(cells)))
    path.write_text("\n".join(lines) + "\n")


def print_tail(log, lines=20):
    try:
        tail = log.read_text(errors="replace").splitlines()[-lines:]
    except OSError:
        return
    print("\n--- last lines of %s" % log)
    for line in tail:
        print("    " + line[:300])
