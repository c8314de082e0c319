package main

import (
	"strings"
	"testing"

	"echod/lab/matrix/lab"
)

// TestSetupThatCannotBeRunIsAnError exists so that CI does not succeed without a test.
func TestSetupThatCannotBeRunIsAnError(t *testing.T) {
	ran := lab.Outcome{Program: "socat", Report: &lab.Report{}}
	if err := allRan([]lab.Outcome{ran}); err != nil {
		t.Errorf("all ran: %v", err)
	}
	absent := lab.Outcome{Program: "nginx", Setup: lab.Setup{Name: "default"}, Reason: "not installed"}
	err := allRan([]lab.Outcome{ran, absent})
	if err == nil || !strings.Contains(err.Error(), "nginx, default could not be run: not installed") {
		t.Errorf("one did not: got %v", err)
	}
}
