package draw

import (
	"strings"
	"unicode/utf8"
)

// Fold returns text as lines of at most width columns, which begin with first and then
// with rest. A word that is longer has a line of its own.
func Fold(text string, width int, first, rest string) string {
	return FoldWords(strings.Fields(text), width, first, rest)
}

// FoldWords is Fold for a text whose words are known. A word with spaces stays on one line.
func FoldWords(words []string, width int, first, rest string) string {
	var b strings.Builder
	line, begin := first, first
	for _, word := range words {
		if line != begin && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			b.WriteString(line + "\n")
			line, begin = rest, rest
		}
		if line != begin {
			line += " "
		}
		line += word
	}
	if line == begin {
		line = strings.TrimRight(line, " ")
	}
	return b.String() + line + "\n"
}
