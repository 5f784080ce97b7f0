import { connect, createServer, Server, Socket } from 'node:net';

/** What stands between a runner and the API server, on a port of the server's own address, so that its certificate is right. */
export class Proxy {
  private readonly sockets = new Set<Socket>();
  private isSilent = false;
  private readonly server: Server;

  constructor(host: string, targetPort: number, readonly port: number) {
    this.server = createServer(client => {
      const upstream = connect(targetPort, host);
      this.join(client, upstream);
      this.join(upstream, client);
    }).listen(port, host);
  }

  /** Every connection breaks off; new ones are made. */
  cut(): void { this.sockets.forEach(socket => socket.destroy()); }

  /** Nothing comes through any more, and nobody is told. */
  silence(isSilent: boolean): void {
    this.isSilent = isSilent;
    this.sockets.forEach(socket => { if (isSilent) { socket.pause(); } else { socket.resume(); } });
  }

  close(): void {
    this.cut();
    this.server.close();
  }

  private join(from: Socket, to: Socket): void {
    this.sockets.add(from);
    from.on('data', chunk => { to.write(chunk); });
    from.on('error', () => undefined);
    from.on('close', () => {
      this.sockets.delete(from);
      // whoever is behind a network that is gone never hears of it
      if (!this.isSilent) { to.destroy(); }
    });
    if (this.isSilent) { from.pause(); }
  }
}
