import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/** Serves MongoDB's protocol out of memory, on the port that is its argument. */
class LoadServer {
    /** Today's drivers speak to no server that says less. */
    private static final MongoVersion SAID = new MongoVersion() {
        @Override
        public List<Integer> getVersionArray() {
            return List.of(6, 0, 0);
        }

        @Override
        public int getWireVersion() {
            return 17;
        }
    };

    public static void main(String[] arguments) {
        MongoServer server = new MongoServer(new MemoryBackend().version(SAID));
        try {
            server.bind("127.0.0.1", Integer.parseInt(arguments[0]));
        } catch (Exception failure) {
            failure.printStackTrace();
            System.exit(1); // its threads would keep the process alive
        }
        Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
    }
}
