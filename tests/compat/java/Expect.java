package ottla;

import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;

/** What a check says of what it saw. */
final class Expect {
    private Expect() {}

    static void that(boolean holds, String otherwise) {
        if (!holds) {
            throw new AssertionError(otherwise);
        }
    }

    static void equal(Object expected, Object got) {
        that(Objects.equals(expected, got), "expected <" + expected + ">, got <" + got + ">");
    }

    /** Fails unless the work ends in exactly this exception, or a future that did. */
    static <T extends Throwable> T fails(Class<T> kind, Callable<?> work) {
        Object value;
        try {
            value = work.call();
        } catch (Throwable error) {
            Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
            if (cause.getClass() == kind) {
                return kind.cast(cause);
            }
            throw new AssertionError("expected " + kind.getSimpleName() + ", got " + cause, cause);
        }
        throw new AssertionError("expected " + kind.getSimpleName() + ", got the value " + value);
    }
}
