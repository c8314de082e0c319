package cli

import (
	"log/slog"

	"github.com/spf13/cobra"

	"echod/internal/sandbox"
	"echod/internal/sock"
)

// sandboxFlag is --sandbox.
type sandboxFlag struct{ mode sandbox.Mode }

var sandboxModes = []string{string(sandbox.Auto), string(sandbox.On), string(sandbox.Off)}

func (f *sandboxFlag) register(cmd *cobra.Command) {
	cmd.Flags().Var(choice((*string)(&f.mode), sandboxModes), "sandbox", "give up what is not needed to serve: "+orList(sandboxModes))
}

// check returns an error if --sandbox on is not possible here. It is called before anything
// is started.
func (f *sandboxFlag) check() error { return sandbox.Check(f.mode) }

// enter confines the process to what needs says, and logs what is enforced. It is called
// when all sockets are bound. A process that is not p's alone stays as it is.
func (f *sandboxFlag) enter(p *Process, needs sandbox.Needs, log *slog.Logger) error {
	if f.mode == sandbox.Off || !p.Own {
		return nil
	}
	state, err := sandbox.Enter(f.mode, needs)
	if err != nil {
		return err
	}
	log.Info("sandboxed", state.LogAttrs()...)
	return nil
}

// needs returns what the admin address and the certificate need after all sockets are
// bound.
func (f *adminFlags) needs(tls serverTLSFlags) sandbox.Needs {
	needs := sandbox.Needs{Metrics: f.addr != ""}
	for _, file := range []string{tls.files.Cert, tls.files.Key, tls.files.ClientCA} {
		if file != "" {
			needs.Certificates = append(needs.Certificates, file)
		}
	}
	if spec, err := sock.Parse(f.addr); err == nil && spec.Network == "unix" {
		needs.Sockets = append(needs.Sockets, spec.Path)
	}
	return needs
}
