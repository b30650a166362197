package metadata

type MD map[string][]string

func Join(...MD) MD { return nil }
