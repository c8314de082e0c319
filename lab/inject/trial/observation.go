package trial

import "time"

// Observation is the result of one trial.
type Observation struct {
	Injected int `json:"injected"` // calls that failed

	// If the program ended although it was not told to.
	Ended   string   `json:"ended,omitempty"`
	Crashed []string `json:"crashed,omitempty"` // lines of a panic
	Last    string   `json:"last,omitempty"`    // the last line on standard error

	// If the start failed: the exit code, and the lines that are not log lines.
	StartCode  int      `json:"start_code,omitempty"`
	StartLines []string `json:"start_lines,omitempty"`
	StartHung  bool     `json:"start_hung,omitempty"`
	NotFound   bool     `json:"not_found,omitempty"` // the injected errno was ENOENT of openat

	Wrong    []string `json:"wrong,omitempty"`    // wrong bytes
	Early    []string `json:"early,omitempty"`    // a clean end before everything was received
	Unserved []string `json:"unserved,omitempty"` // kinds of clients that were not served after the failures
	Stuck    []string `json:"stuck,omitempty"`    // conversations that neither continued nor ended

	Idle      Window  `json:"idle"`  // while calls fail
	After     Window  `json:"after"` // after the failures
	LogLines  int     `json:"log_lines"`
	LogSecond float64 `json:"log_seconds"`

	DescriptorsBefore int `json:"descriptors_before"`
	DescriptorsAfter  int `json:"descriptors_after"`

	DrainHung bool   `json:"drain_hung,omitempty"`
	DrainExit string `json:"drain_exit,omitempty"` // if not exit code 0
	// How long the drain took after the last conversation had ended.
	IdleDrain time.Duration `json:"drain_alone,omitempty"`
	FileLeft  bool          `json:"file_left,omitempty"` // of the unix socket

	// Promises that an earlier run of the case broke, and the last run did not.
	Unsteady []Finding `json:"unsteady,omitempty"`
}

// Window is a time in which no client sends.
type Window struct {
	Took  time.Duration `json:"took"`
	CPU   time.Duration `json:"cpu"`
	Calls int           `json:"calls"` // of the call that fails
	// Samples of the state, and how many of them found a runnable thread.
	Samples  int `json:"samples,omitempty"`
	Runnable int `json:"runnable,omitempty"`
}
