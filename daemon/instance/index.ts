/** The one daemon of a user on a machine: its folder, its seat, its socket, and the Node that runs it. */
export { didNotStart, notAnswering } from "./errors.ts";
export { findNode, type FindNodeOptions, type NodeFound } from "./findNode.ts";
export { launchDaemon, type LaunchOptions } from "./launch.ts";
export { listen, removeSocket, type Listening } from "./listen.ts";
export { homeAt, openHome, stateFolder, type Home } from "./home.ts";
export { highestSeat, removeLowerSeats, takeSeat, type Seat, type SeatRecord } from "./seat.ts";
export { connectTo } from "./socket.ts";
