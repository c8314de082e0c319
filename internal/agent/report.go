package agent

// End is how a connection ended, as the agent saw it.
type End string

const (
	Open  End = "open"  // it has not ended yet
	FIN   End = "fin"   // the client's FIN arrived
	Reset End = "reset" // the connection was reset
	Acted End = "acted" // the agent ended it, as the scenario asks
	Limit End = "limit" // the agent cut it off at its limit of time or bytes
	Error End = "error" // anything else, see Report.Error
)

// Report is what the agent saw of one connection, or of its datagrams if the
// scenario is about those. Bytes do not count the lines of the protocol.
type Report struct {
	ID       string `json:"id"`
	Scenario string `json:"scenario"`
	Received int64  `json:"received"` // bytes
	SHA256   string `json:"sha256"`   // of what was received, in hexadecimal
	Sent     int64  `json:"sent"`     // bytes that the agent's kernel took
	End      End    `json:"end"`
	EndMS    int64  `json:"end_ms"`   // when End was seen, after the start; 0 while open
	TotalMS  int64  `json:"total_ms"` // from the start until the agent was done, or until now
	Error    string `json:"error,omitempty"`
}
