package cli

import (
	"errors"
	"net"
	"strings"
)

// hostNames are names of hosts, without ports.
type hostNames struct{ list *[]string }

func (v hostNames) Type() string { return "NAME" }

func (v hostNames) String() string {
	if v.list == nil {
		return ""
	}
	return strings.Join(*v.list, ",")
}

func (v hostNames) Set(text string) error {
	if text == "" || strings.ContainsAny(text, "/ ,") || strings.Contains(text, ":") && net.ParseIP(text) == nil {
		return errors.New("write a name alone, as in echo.example.com")
	}
	*v.list = append(*v.list, text)
	return nil
}

// SetVariable takes several, with commas between them.
func (v hostNames) SetVariable(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		if err := v.Set(name); err != nil {
			return err
		}
	}
	return nil
}
