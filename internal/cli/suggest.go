package cli

import "echod/internal/nearest"

// suggest asks whether the word nearest to got was meant; none being near, it
// says otherwise.
func suggest(got string, words []string, otherwise string) string {
	if meant, ok := nearest.Word(got, words); ok {
		return "did you mean " + meant + "?"
	}
	return otherwise
}
