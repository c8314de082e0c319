package cli

import "strings"

// thresholds are bounds of the figures of a result.
type thresholds[R any] struct {
	list *[]threshold[R]
	of   []measure[R]
}

func (v thresholds[R]) Type() string { return "threshold" }

func (v thresholds[R]) String() string {
	if v.list == nil {
		return ""
	}
	var texts []string
	for _, t := range *v.list {
		texts = append(texts, t.text)
	}
	return strings.Join(texts, ",")
}

func (v thresholds[R]) Set(text string) error {
	t, err := parseThreshold(text, v.of)
	if err != nil {
		return err
	}
	*v.list = append(*v.list, t)
	return nil
}

// SetVariable reads the variable's list, which has commas between the thresholds.
func (v thresholds[R]) SetVariable(list string) error {
	for text := range strings.SplitSeq(list, ",") {
		if err := v.Set(strings.TrimSpace(text)); err != nil {
			return err
		}
	}
	return nil
}
