// Package nearest finds the known word that a misspelt word most likely means.
package nearest

import (
	"slices"
	"strings"
)

// maxDistance is the largest edit distance of a suggestion, however long the words
// are.
const maxDistance = 2

// Word returns the one of words that is closest to got, the first of several. It
// returns false if none is close: a wrong suggestion is worse than none. Close means
// an edit distance of at most maxDistance and at most a third of the longer word.
// Case and leading dashes do not count.
func Word(got string, words []string) (word string, ok bool) {
	got = plain(got)
	best := maxDistance + 1
	for _, w := range words {
		known := plain(w)
		if n := distance(got, known); n < best && n <= max(len(got), len(known))/3 {
			word, best, ok = w, n, true
		}
	}
	return word, ok
}

func plain(word string) string { return strings.ToLower(strings.TrimLeft(word, "-")) }

// distance is the optimal string alignment distance of a and b in bytes: the number
// of insertions, deletions, substitutions and transpositions of neighbours that turn
// one into the other, where no byte is edited twice. A substitution of the first byte
// counts twice, because people rarely mistype it: dash does not mean bash.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = slices.Repeat([]int{i}, len(b)+1)
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			substitution := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				substitution++
				if i == 1 && j == 1 {
					substitution++
				}
			}
			rows[i][j] = min(substitution, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
