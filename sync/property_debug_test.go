package sync_test

import (
	"os"
	"testing"

	"go.uber.org/zap/zaptest"
)

func TestDebugScript(t *testing.T) {
	b, err := os.ReadFile(os.Getenv("SCRIPT"))
	if err != nil {
		t.Skip()
	}
	debugLog = zaptest.NewLogger(t)
	newStage(t).perform(t.Context(), t, scriptOf(string(b)))
}
