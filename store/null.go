package store

import "time"

// textOrNull returns nil, for NULL, if s is empty.
func textOrNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// timeOrNull returns nil, for NULL, if t is zero.
func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// dateOrNull returns nil, for NULL, if s is no date of the form YYYY-MM-DD.
func dateOrNull(s string) *time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return nil
	}
	return &t
}

// timeOrZero returns the zero time for NULL.
func timeOrZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
