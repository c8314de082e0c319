# Reports on one package: reads .ci/mutants.txt, then what gremlins wrote. Prints the
# row of the table, then each survivor and each listed mutant that no longer survives,
# in the form in which .ci/mutants.txt lists them.

function trim(text) { sub(/^[ \t]+/, "", text); return text }
function indent(text) { match(text, /^[ \t]*/); return RLENGTH }

# show returns the mutant at a column of a line of source.
function show(line, column,   marks) {
	marks = substr(line, 1, column - 1)
	gsub(/[^\t]/, " ", marks)
	return line "\n" marks "^\n"
}

BEGIN {
	while ((getline name < aside) > 0) if (name != "") skip[name]
	FS = "[ \t]+"
}

# .ci/mutants.txt: file and mutation, the line, a caret, the reason.
FNR == NR && /^internal\// { file = $1; sub(/:[0-9]+$/, "", file); kind = $2; part = 1; next }
FNR == NR && part == 1 { code = $0; part = 2; next }
FNR == NR && part == 2 {
	key = file SUBSEP kind SUBSEP trim(code) SUBSEP index($0, "^") - indent(code)
	if (index(file, package "/") == 1 && substr(file, length(package) + 2) !~ /\//)
		listed[key] = file " " kind "\n" code "\n" $0 "\n"
	part = 0
	next
}
FNR == NR { next }

match($0, /^ *(KILLED|LIVED|NOT COVERED|TIMED OUT|NOT VIABLE) [A-Z_]+ at /) {
	split(trim($0), word, / at /)
	n = split(word[1], head, " ")
	kind = head[n]
	status = head[1]
	split(word[2], place, ":")
	path = package "/" place[1]
	if (place[1] in skip || path ~ io || $0 ~ /NOT VIABLE/) next
	total++
	if (status == "NOT") { not_covered++; missed[path ":" place[2] " " kind]; next }
	if (status != "LIVED") { killed++; next }
	line = ""
	for (i = 1; i <= place[2]; i++) getline line < path
	close(path)
	key = path SUBSEP kind SUBSEP trim(line) SUBSEP place[3] - indent(line)
	if (key in listed) { equivalent++; used[key]; next }
	lived++
	survivors = survivors "\n" path ":" place[2] " " kind "\n" show(line, place[3])
}

END {
	covered = total ? 100 * (total - not_covered) / total : 100
	rate = killed + lived ? 100 * killed / (killed + lived) : 100
	printf "%-20s %9d %9.1f %9.1f %9d %9d\n", package, total, covered, rate, equivalent, lived
	for (name in missed) print "\nnot covered: " name
	if (survivors != "") print "\nsurvived:\n" survivors
	for (key in listed) if (!(key in used)) print "\nlisted in .ci/mutants.txt, but it does not survive:\n\n" listed[key]
	exit covered < min_covered || rate < min_killed
}
