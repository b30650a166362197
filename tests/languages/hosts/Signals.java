// SPDX-License-Identifier: MIT
// The JVM's own use of signals, with the core in its process: SIGSEGV for null pointers, and for the guard pages of
// stacks, SIGFPE for divisions by zero. Each has to be caught as often as it was thrown, before and after runspan_open,
// on the thread that called it and on others.
import com.sun.jna.*;

public class Signals {
    static final int ROUNDS = 9_999, DEEP = 20;

    int field;

    static int depth(int n) {
        return n == -1 ? 0 : 1 + depth(n + 1);
    }

    /** Small enough for the compiler, which then leaves the checks to the processor. */
    static int provoke(Signals nothing, int zero, int[] none, int kind) {
        switch (kind) {
            case 0: return nothing.field;
            case 1: return 7 / zero;
            default: return none[3];
        }
    }

    static void check(String where) {
        int caught = 0, deep = 0;
        for (int i = 0; i < ROUNDS; i++) {
            try {
                provoke(null, 0, null, i % 3);
            } catch (NullPointerException | ArithmeticException expected) {
                caught++;
            }
        }
        for (int i = 0; i < DEEP; i++) {
            try {
                depth(0);
            } catch (StackOverflowError expected) {
                deep++;
            }
        }
        System.out.println(where + ": " + caught + " of " + ROUNDS + ", " + deep + " of " + DEEP);
    }

    static final NativeLibrary RUNSPAN = NativeLibrary.getInstance(System.getenv("RUNSPAN_LIBRARY"));

    static int call(String function, Object... arguments) {
        return RUNSPAN.getFunction("runspan_" + function).invokeInt(arguments);
    }

    @Structure.FieldOrder({"struct_size", "service", "schema", "log", "log_data", "core", "flags"})
    public static class Options extends Structure {
        public NativeLong struct_size = new NativeLong(size());
        public String service = "linecount", schema, core; public Pointer log, log_data; public int flags;
    }

    public static void main(String[] arguments) throws Exception {
        check("before");
        Options options = new Options();
        options.schema = new String(ClassLoader.getSystemResourceAsStream("linecount.json").readAllBytes());
        long[] client = {0}, span = {0};
        System.out.println("open: " + call("open", options, client));
        call("begin", client[0], "count", span);
        check("after");
        Thread[] threads = new Thread[3];
        for (int i = 0; i < threads.length; i++) {
            threads[i] = new Thread(() -> {
                call("set_attr_int", span[0], "params.files", 3L);
                check("thread");
                System.gc();
            });
            threads[i].start();
        }
        for (Thread thread : threads) thread.join();
        System.out.println("end: " + call("end", span[0], 1));
        System.out.println("close: " + call("close", client[0], 3000));
        check("closed");
    }
}
