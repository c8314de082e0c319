package check

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
		if c.Report != nil {
			err = cmp.Or(err, c.Report.valid())
		}
	}
	return checked, err
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
	for _, one := range document.Addresses {
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
	verdicts := []Verdict{Pass, Fail, Skip, Error}
	for i, result := range r.Results {
		switch {
		case result.Rule == "":
			return fmt.Errorf("results[%d] has no rule", i)
		case !slices.Contains(verdicts, result.Verdict):
			return fmt.Errorf("results[%d].verdict is %q: want pass, fail, skip or error", i, result.Verdict)
		}
	}
	return nil
}
