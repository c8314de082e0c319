// Package nearest finds the word that was meant by one that does not exist.
package nearest

import (
	"slices"
	"strings"
)

// most is how many slips may lie between two words, however long they are.
const most = 3

// Word is the one of words that the fewest slips turned into got, the first of
// several. It is not ok, and none was meant, if that takes more slips than half
// of got's letters. Neither case nor the dashes before a flag's name count.
func Word(got string, words []string) (word string, ok bool) {
	fewest := min(len(strings.TrimLeft(got, "-"))/2, most) + 1
	for _, w := range words {
		if n := Slips(strings.ToLower(got), strings.ToLower(w)); n < fewest {
			word, fewest, ok = w, n, true
		}
	}
	return word, ok
}

// Slips is how many letters must be added, left out, changed or swapped with
// their neighbour to make b of a; none is touched twice (the optimal string
// alignment distance). A letter is a byte.
func Slips(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = slices.Repeat([]int{i}, len(b)+1)
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
