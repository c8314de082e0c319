package trial

import "time"

// Observation is what was seen in one trial.
type Observation struct {
	Injected int `json:"injected"` // calls that failed

	// The end, if it came by itself: in words, and what stood in the log.
	Ended   string   `json:"ended,omitempty"`
	Crashed []string `json:"crashed,omitempty"` // lines of a panic
	Last    string   `json:"last,omitempty"`    // the last line, log or not

	// A start that failed: the exit code, and the lines that are not the log's.
	StartCode  int      `json:"start_code,omitempty"`
	StartLines []string `json:"start_lines,omitempty"`
	StartHung  bool     `json:"start_hung,omitempty"`
	NotFound   bool     `json:"not_found,omitempty"` // the calls that failed said that a file does not exist

	Wrong    []string `json:"wrong,omitempty"`    // bytes that nobody sent there
	Early    []string `json:"early,omitempty"`    // clean ends before all that was due
	Unserved []string `json:"unserved,omitempty"` // kinds of clients, after the injection
	Stuck    []string `json:"stuck,omitempty"`    // conversations that neither went on nor ended

	Idle      Window  `json:"idle"`  // nobody sends, calls fail
	After     Window  `json:"after"` // nobody sends, calls do not fail
	LogLines  int     `json:"log_lines"`
	LogSecond float64 `json:"log_seconds"`

	DescriptorsBefore int `json:"descriptors_before"`
	DescriptorsAfter  int `json:"descriptors_after"`

	DrainHung bool   `json:"drain_hung,omitempty"`
	DrainExit string `json:"drain_exit,omitempty"` // what it was, if not exit code 0
	// How long the drain went on after the last conversation.
	DrainAlone time.Duration `json:"drain_alone,omitempty"`
	FileLeft   bool          `json:"file_left,omitempty"` // the unix socket's

	// What an earlier try of the same case broke, and this one did not.
	Unsteady []Finding `json:"unsteady,omitempty"`
}

// Window is a span of time in which nobody sends anything.
type Window struct {
	Took  time.Duration `json:"took"`
	CPU   time.Duration `json:"cpu"`
	Calls int           `json:"calls"` // of the kind that fails
	// How often it was looked, and how often a thread was found that runs or would.
	Looks int `json:"looks,omitempty"`
	Ready int `json:"ready,omitempty"`
}
