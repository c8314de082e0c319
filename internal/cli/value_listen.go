package cli

import (
	"strings"

	"echod/internal/sock"
)

// urls are the addresses to listen on. The first one given replaces the
// default.
type urls struct {
	specs *[]sock.Spec
	given *bool
}

func (v urls) Type() string { return "URL" }

func (v urls) String() string {
	if v.specs == nil {
		return ""
	}
	var texts []string
	for _, spec := range *v.specs {
		texts = append(texts, spec.String())
	}
	return strings.Join(texts, ",")
}

func (v urls) Set(text string) error {
	spec, err := sock.Parse(text)
	if err != nil {
		return err
	}
	if !*v.given {
		*v.specs, *v.given = nil, true
	}
	*v.specs = append(*v.specs, spec)
	return nil
}

// SetVariable reads the variable's list, which has commas between the URLs.
func (v urls) SetVariable(list string) error {
	for text := range strings.SplitSeq(list, ",") {
		if err := v.Set(strings.TrimSpace(text)); err != nil {
			return err
		}
	}
	return nil
}
