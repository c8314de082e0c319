package check

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Read reads what WriteJSON of a Report, a Comparison or AddressReports wrote.
func Read(text []byte) (Checked, error) {
	var head struct {
		Schema    int
		Results   json.RawMessage
		Direct    json.RawMessage
		Addresses json.RawMessage
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, err
	}
	var checked Checked
	var err error
	switch {
	case head.Schema != Schema:
		return nil, fmt.Errorf("the report has schema %d, want %d", head.Schema, Schema)
	case head.Results != nil:
		r := new(Report)
		checked, err = r, json.Unmarshal(text, r)
	case head.Direct != nil:
		c := new(Comparison)
		checked, err = c, json.Unmarshal(text, c)
	case head.Addresses != nil:
		var all AddressReports
		if err = json.Unmarshal(text, &all); err == nil && len(all) == 0 {
			err = errors.New("not a report of echod check: it has no addresses")
		}
		checked = all
	default:
		return nil, errors.New("not a report of echod check: it has no results")
	}
	if err != nil {
		return nil, err
	}
	for _, c := range checked.Columns() {
		if c.Report == nil {
			continue
		}
		if err := c.Report.valid(); err != nil && c.Name != "" {
			return nil, fmt.Errorf("%s: %w", strings.ToLower(c.Name), err)
		} else if err != nil {
			return nil, err
		}
	}
	return checked, nil
}

// UnmarshalJSON reads what MarshalJSON returned. Who is at fault is decided again from the two
// reports. It returns an error if the schema differs.
func (c *Comparison) UnmarshalJSON(text []byte) error {
	var document struct {
		Path, Direct *Report
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	if document.Path == nil || document.Direct == nil {
		return errors.New("a comparison without path or direct")
	}
	*c = *Compare(document.Path, document.Direct)
	return nil
}

// UnmarshalJSON reads what MarshalJSON returned. The error of an address has only its text.
func (all *AddressReports) UnmarshalJSON(text []byte) error {
	var document addressReportsJSON
	if err := json.Unmarshal(text, &document); err != nil {
		return err
	}
	*all = nil
	network := "tcp" // unless a report says another
	for _, one := range document.Addresses {
		if one.Report != nil {
			network = one.Report.Target.Network
		}
	}
	for i, one := range document.Addresses {
		if one.Address == "" {
			return fmt.Errorf("addresses[%d] has no address", i)
		}
		a := AddressReport{Target: Target{Network: network, Address: one.Address}, Report: one.Report}
		if one.Report != nil {
			a.Target = one.Report.Target
		} else {
			a.Err = errors.New(cmp.Or(one.Error, "cannot be reached"))
		}
		*all = append(*all, a)
	}
	return nil
}

// valid returns an error if no check can have made r.
func (r *Report) valid() error {
	if networks := []string{"tcp", "tls", "unix", "udp"}; !slices.Contains(networks, r.Target.Network) {
		return fmt.Errorf("network is %q: want tcp, tls, unix or udp", r.Target.Network)
	}
	verdicts := []Verdict{Pass, Fail, Skip, Error}
	seen := map[string]bool{}
	for i, result := range r.Results {
		switch {
		case result.Rule == "":
			return fmt.Errorf("results[%d] has no rule", i)
		case seen[result.Rule]:
			return fmt.Errorf("results[%d] is the second of %s", i, result.Rule)
		case !slices.Contains(verdicts, result.Verdict):
			return fmt.Errorf("results[%d].verdict is %q: want pass, fail, skip or error", i, result.Verdict)
		}
		seen[result.Rule] = true
	}
	return nil
}
