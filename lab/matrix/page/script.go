package page

import (
	"fmt"
	"strings"

	"echod/lab/matrix/lab"
)

// example is the place that the document shows: one hop, from 9000 to 7007.
var example = lab.Place{
	Dir:   "$PWD",
	Hops:  []lab.Hop{{Listen: 9000, To: 7007}},
	Spare: []int{9001, 9002},
}

// Script is a setup as somebody would write and type it.
func Script(s lab.Setup) string {
	var text strings.Builder
	plan := s.Plan(example)
	for _, file := range plan.Files {
		fmt.Fprintf(&text, "# %s\n%s\n", file.Name, file.Text)
	}
	for _, argv := range plan.Before {
		fmt.Fprintf(&text, "$ %s\n", typed(argv))
	}
	for i, command := range plan.Commands {
		fmt.Fprintf(&text, "$ %s", typed(command.Argv))
		if i < len(plan.Commands)-1 {
			text.WriteString(" &")
		}
		text.WriteString("\n")
	}
	return text.String()
}

// typed is argv as a shell wants it.
func typed(argv []string) string {
	var words []string
	for _, word := range argv {
		if word == "" || strings.ContainsAny(word, " ;&|<>") {
			word = "'" + word + "'"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
