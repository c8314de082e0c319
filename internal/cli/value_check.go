package cli

import (
	"errors"
	"strconv"
	"strings"

	"echod/check"
)

// globs are IDs of rules, or patterns of them.
type globs struct{ list *[]string }

func (v globs) Type() string { return "rule" }

func (v globs) String() string {
	if v.list == nil {
		return ""
	}
	return strings.Join(*v.list, ",")
}

func (v globs) Set(text string) error {
	*v.list = append(*v.list, text)
	return nil
}

// SetVariable reads the variable's list, which has commas between the rules.
func (v globs) SetVariable(list string) error {
	*v.list = strings.Split(list, ",")
	return nil
}

// seed is what random bytes are made from; 0 means a new one.
type seed struct{ n *uint64 }

func (v seed) Type() string { return "seed" }

func (v seed) String() string {
	if v.n == nil || *v.n == 0 {
		return ""
	}
	return strconv.FormatUint(*v.n, 10)
}

func (v seed) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return errors.New("write a whole number from 1 on, as an earlier report tells it")
	}
	*v.n = n
	return nil
}

// targetURL is something to check.
type targetURL struct{ url *string }

func (v targetURL) Type() string { return "URL" }

func (v targetURL) String() string {
	if v.url == nil {
		return ""
	}
	return *v.url
}

func (v targetURL) Set(text string) error {
	if _, err := check.ParseTarget(text); err != nil {
		return err
	}
	*v.url = text
	return nil
}

// stall is a duration whose default, 0, depends on another flag.
type stall struct{ span }

func (v stall) String() string {
	if v.d == nil || *v.d == 0 {
		return spanText(check.DefaultStall)
	}
	return v.span.String()
}

func (v stall) Set(text string) error {
	if err := v.span.Set(text); err != nil {
		return err
	}
	if *v.d == 0 {
		return errors.New("a stall takes some time; write it as in 10s or 5m")
	}
	return nil
}

// parallel is a number whose default, 0, depends on the machine.
type parallel struct{ count }

func (v parallel) String() string {
	if v.n == nil || *v.n == 0 {
		return ""
	}
	return v.count.String()
}
