package cli

import (
	"slices"
	"strings"
)

// suggest asks whether the word nearest to got was meant; none being near, it
// says otherwise.
func suggest(got string, words []string, otherwise string) string {
	if len(words) == 0 {
		return otherwise
	}
	meant := slices.MinFunc(words, func(a, b string) int { return edits(got, a) - edits(got, b) })
	letters := len(strings.TrimLeft(got, "-"))
	if edits(got, meant) <= min((letters+1)/2, 3) {
		return "did you mean " + meant + "?"
	}
	return otherwise
}

// edits is how many letters must be added, left out, changed or swapped with
// their neighbour to make b of a.
func edits(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			rows[i][j] = min(change, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
