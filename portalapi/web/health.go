package web

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// ReadyTime is how long a check of readiness may take.
const ReadyTime = 3 * time.Second

// Health returns a mux that serves /healthz, which reports that the process answers, and /readyz,
// which answers 503 with the error of ready. Neither needs a token, so ready's error must hold
// nothing that strangers may not know.
func Health(ready func(context.Context) error) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), ReadyTime)
		defer cancel()
		if err := ready(ctx); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	return mux
}
