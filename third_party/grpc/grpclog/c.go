package grpclog

func Infof(string, ...any) {}
