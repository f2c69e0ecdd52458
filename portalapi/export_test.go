package portalapi

import "time"

// SetReadWait sets how long an upload may take for its next bytes.
func (a *API) SetReadWait(wait time.Duration) { a.uploads.readWait = wait }
