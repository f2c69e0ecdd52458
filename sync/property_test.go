package sync_test

import (
	"testing"

	"pgregory.net/rapid"
)

// Whatever happens to source, replica and the way between them: when the faults
// stop, one run and one reconcile make the replica equal to the source (I1), and
// until then nothing is shown that must not be.
func TestReplicaEqualsSourceWhateverCameBefore(t *testing.T) {
	t.Parallel()
	h := newScriptHarness(t)
	rapid.Check(t, func(rt *rapid.T) {
		h.execute(t.Context(), rt, scripts.Draw(rt, "script"))
	})
}
