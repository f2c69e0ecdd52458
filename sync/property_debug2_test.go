package sync_test

import (
	"testing"
	"time"
)

func TestDebugWipe(t *testing.T) {
	st := newStage(t)
	for range 20 {
		began := time.Now()
		if _, err := st.replica.Pool().Exec(t.Context(), wipe); err != nil {
			t.Fatal(err)
		}
		t.Log(time.Since(began))
	}
}
