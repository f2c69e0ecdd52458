package portalapi

import "time"

// Hurry makes the API wait no longer than that for the next bytes of a list.
func (a *API) Hurry(wait time.Duration) { a.lists.wait = wait }
